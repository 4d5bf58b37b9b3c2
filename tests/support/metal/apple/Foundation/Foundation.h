// As much of Apple's Foundation as hosts use, with its signatures, to compile with reference counting.
#pragma once

#define NS_ASSUME_NONNULL_BEGIN _Pragma("clang assume_nonnull begin")
#define NS_ASSUME_NONNULL_END _Pragma("clang assume_nonnull end")
#define NS_ENUM(type, name) enum name : type name; enum name : type
#define NS_OPTIONS(type, name) enum name : type name; enum name : type

NS_ASSUME_NONNULL_BEGIN

typedef signed char BOOL;
#define YES ((BOOL)1)
#define NO ((BOOL)0)
#define nil nullptr
typedef unsigned long NSUInteger;
typedef long NSInteger;

typedef NS_ENUM(NSUInteger, NSStringEncoding) { NSUTF8StringEncoding = 4 };

typedef struct {
  NSUInteger location, length;
} NSRange;

NSRange NSMakeRange(NSUInteger location, NSUInteger length);

@class NSDictionary, NSError, NSString;

@protocol NSObject
@end

__attribute__((objc_root_class))
@interface NSObject <NSObject>
+ (instancetype)alloc;
- (instancetype)init;
- (void)dealloc;
@end

@interface NSURL : NSObject
- (nullable NSURL *)URLByAppendingPathComponent:(NSString *)pathComponent;
@end

@interface NSString : NSObject
+ (instancetype)stringWithFormat:(NSString *)format, ... __attribute__((format(__NSString__, 1, 2)));
+ (nullable instancetype)stringWithContentsOfURL:(NSURL *)url encoding:(NSStringEncoding)encoding error:(NSError **)error;
- (NSString *)stringByAppendingString:(NSString *)aString;
@end

@interface NSConstantString : NSString
@end

@interface NSData : NSObject
@property(readonly) NSUInteger length;
@property(readonly) const void *bytes;
+ (instancetype)data;
+ (nullable instancetype)dataWithContentsOfURL:(NSURL *)url;
- (nullable instancetype)initWithContentsOfURL:(NSURL *)url;
- (instancetype)initWithBytes:(nullable const void *)bytes length:(NSUInteger)length;
@end

@interface NSMutableData : NSData
@property NSUInteger length;
@property(readonly) void *mutableBytes;
- (nullable instancetype)initWithLength:(NSUInteger)length;
- (void)setData:(NSData *)data;
- (void)resetBytesInRange:(NSRange)range;
@end

@interface NSNumber : NSObject
@property(readonly) int intValue;
+ (NSNumber *)numberWithInt:(int)value;
@end

typedef struct {
  unsigned long state;
  __unsafe_unretained id _Nullable *_Nullable itemsPtr;
  unsigned long *_Nullable mutationsPtr;
  unsigned long extra[5];
} NSFastEnumerationState;

@interface NSArray<__covariant ObjectType> : NSObject
@property(readonly) NSUInteger count;
+ (instancetype)arrayWithObjects:(const ObjectType _Nonnull [_Nullable])objects count:(NSUInteger)cnt;
- (instancetype)initWithObjects:(ObjectType)firstObj, ... __attribute__((sentinel(0, 1)));
- (ObjectType)objectAtIndex:(NSUInteger)index;
- (BOOL)isEqualToArray:(NSArray<ObjectType> *)otherArray;
- (NSArray<ObjectType> *)copy;
- (NSUInteger)countByEnumeratingWithState:(NSFastEnumerationState *)state
                                  objects:(id __unsafe_unretained _Nullable[_Nonnull])buffer
                                    count:(NSUInteger)len;
@end

@interface NSMutableArray<ObjectType> : NSArray <ObjectType>
+ (instancetype)array;
- (void)addObject:(ObjectType)anObject;
@end

@interface NSDictionary : NSObject
+ (instancetype)dictionaryWithObject:(id)object forKey:(id)key;
@end

extern NSString *const NSLocalizedDescriptionKey;

@interface NSError : NSObject
@property(readonly, copy) NSString *localizedDescription;
+ (instancetype)errorWithDomain:(NSString *)domain code:(NSInteger)code userInfo:(nullable NSDictionary *)dictionary;
@end

NS_ASSUME_NONNULL_END
